package ingest

// IsRejected reports whether resource i of the batch was rejected by [Batch.Reject].
func (b *Batch) IsRejected(i int) bool { return b.Resources[i].rejected }
