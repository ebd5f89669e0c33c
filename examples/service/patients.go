package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sqlonce"
)

// version counts the changes of a patient, so an effect that is made twice shows.
const schema = `CREATE TABLE IF NOT EXISTS patients (
	organization TEXT NOT NULL,
	id           TEXT NOT NULL,
	family       TEXT NOT NULL,
	birth_date   TEXT,
	version      INTEGER NOT NULL DEFAULT 1,
	PRIMARY KEY (organization, id)
)`

const upsert = `INSERT INTO patients (organization, id, family, birth_date) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization, id) DO UPDATE
SET family = excluded.family, birth_date = excluded.birth_date, version = patients.version + 1`

// patients is the handler: it writes Patients into a table.
type patients struct {
	keys *sqlonce.Keys
}

// openPatients creates the tables that are missing. The caller closes db.
func openPatients(ctx context.Context, db *sql.DB) (*patients, error) {
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, fmt.Errorf("create the table of patients: %w", err)
	}
	keys, err := sqlonce.Open(ctx, db, nil)
	if err != nil {
		return nil, err
	}
	return &patients{keys}, nil
}

// Handle implements [ingest.Handler].
func (p *patients) Handle(ctx context.Context, b *ingest.Batch) error {
	return p.keys.Each(ctx, b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
		return write(ctx, tx, b.Job.OrganizationID, r)
	})
}

// write writes one Patient. It rejects everything else, since a resource that is neither
// stored nor rejected would count as done.
func write(ctx context.Context, tx *sql.Tx, organization string, r *ingest.Resource) error {
	kind := fhirbundle.InteractionOf(r.Method, r.URL)
	if r.Request != nil && kind != fhirbundle.InteractionCreate && kind != fhirbundle.InteractionUpdate {
		return &sqlonce.Rejection{Code: "not-supported", Message: "Only POST to a type and PUT are supported"} // no DELETE, say
	}
	if r.Type != "Patient" {
		return &sqlonce.Rejection{Code: "not-supported", Message: "Only Patients are kept"}
	}
	if r.ID == "" {
		return &sqlonce.Rejection{Code: "patient-id", Message: "A Patient must have an id"}
	}
	var patient struct {
		Name []struct {
			Family string `json:"family"`
		} `json:"name"`
		BirthDate *string `json:"birthDate"` // NULL if it is unknown
	}
	if json.Unmarshal(r.Raw, &patient) != nil { // its error may quote a value
		return &sqlonce.Rejection{Code: "patient-types", Message: "name, family or birthDate has the wrong JSON type"}
	}
	for _, name := range patient.Name {
		if name.Family != "" {
			_, err := tx.ExecContext(ctx, upsert, organization, r.ID, name.Family, patient.BirthDate)
			return err
		}
	}
	return &sqlonce.Rejection{Code: "patient-name", Message: "A Patient must have a family name"}
}
