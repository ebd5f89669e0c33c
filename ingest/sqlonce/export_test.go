package sqlonce

import (
	"context"
	"database/sql"
)

// StoredForTest returns the rejections stored with a key.
func (k *Keys) StoredForTest(ctx context.Context, key string) (text sql.NullString, err error) {
	err = k.db.QueryRowContext(ctx, k.statements.read, key).Scan(&text)
	return text, err
}
