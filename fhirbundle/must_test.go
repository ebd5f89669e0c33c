package fhirbundle

// must returns v. The options of a test work, unless it says otherwise.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
