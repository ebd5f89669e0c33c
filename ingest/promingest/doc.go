// Package promingest exports a pipeline's metrics to Prometheus. It is a module of its
// own, so that programs without Prometheus don't download it.
//
//	m, err := promingest.New(nil)
//	registry.MustRegister(m)
//	svc, err := ingest.New(backends, &ingest.Options{Observe: m.Observe})
//	m.WatchService(svc)
//
// A program with a front door adds three more lines where it has the parts:
// [Metrics.ObserveRefusal] is the Observe of a budget and [Metrics.WatchBudget] shows what
// is in use of it, [Metrics.ObserveRequest] is the Observe of [github.com/fhirdock/fhirdock/ingest/httpapi.AccessLog], and
// [Metrics.WatchDisk] shows the free space of a disk.
//
// All names begin with fhirdock_. No label names an organization, a user or a job, or
// contains anything of a payload: labels are states, sources, routes and codes that
// packages ingest, budget and httpapi define.
//
// # Gauges of the job store
//
// These are the numbers to alert on. They describe all organizations and all processes
// that share the job store, so each process exports the same ones: take their maximum,
// not their sum.
//
//	fhirdock_jobs{state}                 jobs in a state, counted up to a limit
//	fhirdock_waiting_jobs                the same as fhirdock_jobs{state="accepted"}
//	fhirdock_oldest_waiting_job_seconds  how long a job has been ready and not claimed
//	fhirdock_due_jobs                    jobs that the sweeper should look at now, up to 500
//	fhirdock_overdue_jobs                those of them that have been due for over a minute
//	fhirdock_oldest_due_job_seconds      how long a job has been due
//	fhirdock_job_store_up                0 if the job store did not answer; then those above are absent
//
// The job store is asked when they are scraped, at most every [Options.CacheFor]. Counting
// is cheap in SQL stores. On a document database each counted job is a read that costs
// money: see [Options.Stats] for what is counted and how far.
//
// # Other metrics of a Service
//
//	fhirdock_leases_held                            jobs that workers of this process hold
//	fhirdock_sweeps_total{result}                   ended sweeps: ok or failed
//	fhirdock_sweep_seconds                          how long they took
//	fhirdock_last_sweep_timestamp_seconds           when one last succeeded
//	fhirdock_swept_jobs_total                       jobs that were looked after
//	fhirdock_payloads_total{source,result}          accepted, or refused with the code
//	fhirdock_payload_bytes_total{source}            bytes of accepted payloads
//	fhirdock_accept_seconds                         time to validate, store and record a Bundle
//	fhirdock_payloads_unrecorded_total              stored, and not known to be recorded
//	fhirdock_upload_urls_total                      signed upload URLs
//	fhirdock_objects_ignored_total{reason}          notifications that led to no job
//	fhirdock_messages_ignored_total{reason}         messages that were not wake-ups
//	fhirdock_attempts_total{event}                  claims, and how attempts went wrong
//	fhirdock_batch_seconds                          time of the handler for a batch
//	fhirdock_resources_total{result}                resources done and rejected
//	fhirdock_worked_bytes_total                     bytes of payload handed over
//	fhirdock_jobs_finished_total{source,state}      jobs that ended
//	fhirdock_job_seconds{source,state}              time from a job's creation to its end
//	fhirdock_wakeups_sent_total                     wake-ups that sweepers sent
//	fhirdock_wakeups_not_sent_total{reason}         wake-ups that were not sent
//	fhirdock_subscription_changes_total{state}      subscriptions lost and opened again
//	fhirdock_removed_total{what}                    what a retention removed
//	fhirdock_erasures_total{what}                   erasures of a job or an organization
//	fhirdock_erased_jobs_total                      jobs that they erased
//
// # Metrics of a front door
//
//	fhirdock_http_requests_total{method,route,status}  answered requests
//	fhirdock_http_request_seconds{route}               time to answer one
//	fhirdock_requests_over_budget_total{reason,whose}  refusals of a budget
//	fhirdock_requests_in_flight, _uploads_in_flight, _webhooks_unverified,
//	_requests_unauthenticated, _requests_waiting, _request_bytes_in_flight
//	                                                   what is in use of a budget
//	fhirdock_disk_free_bytes, fhirdock_disk_floor_bytes
//	                                                   free space, and how much has to stay free
package promingest
