//go:build !nomongo

package drivers

import (
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs"
)
