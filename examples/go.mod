module github.com/fhirdock/fhirdock/examples

go 1.26.0

replace github.com/fhirdock/fhirdock => ..

require (
	github.com/fhirdock/fhirdock v0.0.0
	github.com/stretchr/testify v1.12.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
