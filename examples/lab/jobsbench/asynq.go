package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// asynqRunner runs jobs through asynq, on a Redis that syncs its log with each write. That
// is a server setting, restored at the end.
type asynqRunner struct {
	redis *redis.Client
	opt   asynq.RedisClientOpt
	was   map[string]string // the settings before
	done  atomic.Int64
	// Stopping a server takes a second or more and is not measured. reset and close wait
	// for it.
	stopping sync.WaitGroup
}

func openAsynq(ctx context.Context, c config) (runner, error) {
	opts, err := redis.ParseURL(c.redis)
	if err != nil {
		return nil, err
	}
	r := &asynqRunner{was: map[string]string{}}
	probe := redis.NewClient(opts)
	databases, err := probe.ConfigGet(ctx, "databases").Result()
	if err != nil {
		return nil, firstError(absent("no Redis server, or its settings can't be read; set -redis"), probe.Close())
	}
	last, err := strconv.Atoi(databases["databases"])
	if err = firstError(err, probe.Close()); err != nil {
		return nil, err
	}
	// Use the last empty database.
	for opts.DB = last - 1; opts.DB > 0; opts.DB-- {
		r.redis = redis.NewClient(opts)
		size, err := r.redis.DBSize(ctx).Result()
		if err == nil && size == 0 {
			break
		}
		if err = firstError(err, r.redis.Close()); err != nil {
			return nil, err
		}
	}
	if opts.DB == 0 {
		return nil, absent("every database of the Redis server is in use")
	}
	r.opt = asynq.RedisClientOpt{Addr: opts.Addr, Username: opts.Username, Password: opts.Password, DB: opts.DB, TLSConfig: opts.TLSConfig}
	if err := r.syncEachWrite(ctx); err != nil {
		return nil, firstError(absent("the Redis server can't be set to appendfsync always"), r.close())
	}
	return r, nil
}

func (r *asynqRunner) syncEachWrite(ctx context.Context) error {
	for _, set := range [][2]string{{"appendfsync", "always"}, {"appendonly", "yes"}} {
		before, err := r.redis.ConfigGet(ctx, set[0]).Result()
		if err != nil {
			return err
		}
		r.was[set[0]] = before[set[0]]
		if err := r.redis.ConfigSet(ctx, set[0], set[1]).Err(); err != nil {
			return err
		}
	}
	// The log exists after the server has written its data.
	for {
		info, err := r.redis.Info(ctx, "persistence").Result()
		if err != nil {
			return err
		}
		if strings.Contains(info, "aof_enabled:1") && strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0") {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (r *asynqRunner) reset(ctx context.Context) error {
	r.stopping.Wait()
	r.done.Store(0)
	return r.redis.FlushDB(ctx).Err()
}

func (r *asynqRunner) create(ctx context.Context, n, workers int) error {
	client := asynq.NewClient(r.opt)
	err := each(ctx, n, workers, func(ctx context.Context, i int) error {
		args, err := json.Marshal(payloadOf(i))
		if err != nil {
			return err
		}
		_, err = client.EnqueueContext(ctx, asynq.NewTask("payload", args))
		return err
	})
	return firstError(err, client.Close())
}

func (r *asynqRunner) settle(context.Context) error { return nil }

func (r *asynqRunner) work(ctx context.Context, n, workers int) error {
	server := asynq.NewServer(r.opt, asynq.Config{Concurrency: workers, LogLevel: asynq.FatalLevel})
	all := make(chan struct{})
	err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		if r.done.Add(1) == int64(n) {
			close(all)
		}
		return nil
	}))
	if err != nil {
		return err
	}
	defer r.stopping.Go(server.Shutdown)
	select {
	case <-ctx.Done():
	case <-all:
	}
	// A task is completed after its handler returned: wait for the last ones.
	inspector := asynq.NewInspector(r.opt)
	defer inspector.Close()
	for ctx.Err() == nil {
		queue, err := inspector.GetQueueInfo("default")
		if err != nil {
			return err
		}
		if queue.Size == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}

// completed counts handled tasks that are gone: asynq keeps no completed tasks.
func (r *asynqRunner) completed(ctx context.Context) (int, error) {
	inspector := asynq.NewInspector(r.opt)
	defer inspector.Close()
	queue, err := inspector.GetQueueInfo("default")
	if err != nil {
		return 0, err
	}
	return int(r.done.Load()) - queue.Size, nil
}

func (r *asynqRunner) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // also after an interrupt
	defer cancel()
	r.stopping.Wait()
	err := r.redis.FlushDB(ctx).Err()
	for _, name := range []string{"appendonly", "appendfsync"} {
		if was, ok := r.was[name]; ok {
			if e := r.redis.ConfigSet(ctx, name, was).Err(); e != nil {
				err = firstError(err, fmt.Errorf("set Redis's %s back to %q: %w", name, was, e))
			}
		}
	}
	return firstError(err, r.redis.Close())
}
