package backends

import (
	"database/sql"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// connLifetime ends connections, so that none stays with a server that the name of the
// host no longer means.
const connLifetime = 5 * time.Minute

// openPostgres opens a database for the job store, of whose connections many gateways fit
// on a server.
func openPostgres(dsn string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errNotPostgres
	}
	survive(&config.Config, dsn)
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(16) // as many as the store's writes have in use at once; the default is 2
	db.SetConnMaxLifetime(connLifetime)
	return db, nil
}

// survive sets what a connection needs to come through a failover, where neither the URL
// nor the environment says otherwise: it begins only on a server that takes writes, is
// given up if that takes too long, and notices a server that is gone.
func survive(config *pgconn.Config, dsn string) {
	if !says(dsn, "target_session_attrs", "PGTARGETSESSIONATTRS") {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if !says(dsn, "connect_timeout", "PGCONNECT_TIMEOUT") {
		config.ConnectTimeout = 5 * time.Second
	}
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
}

// says reports whether a URL or the environment sets a parameter.
func says(dsn, parameter, variable string) bool {
	if os.Getenv(variable) != "" {
		return true
	}
	u, err := url.Parse(dsn) // pgx has read it
	return err == nil && u.Query().Has(parameter)
}
