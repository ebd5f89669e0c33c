package budget

// Buckets is how many organizations have one.
func Buckets(b *Budget) int { return len(b.rates.buckets) }
