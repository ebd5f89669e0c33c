module github.com/fhirdock/fhirdock/examples/lab/bench

go 1.26.0

replace github.com/fhirdock/fhirdock => ../../..

require (
	github.com/buger/jsonparser v1.6.1 // compared: a JSON reader without allocation
	// With a Go newer than that it falls back to encoding/json, and its row would not be its
	// own.
	github.com/bytedance/sonic v1.15.5 // compared: a JSON decoder with a JIT; has native code for Go 1.17 to 1.27
	github.com/fhirdock/fhirdock v0.0.0
	github.com/go-json-experiment/json v1.27.2 // compared: jsontext
	github.com/goccy/go-json v0.12.0 // compared: a JSON decoder
	github.com/google/fhir/go v0.7.4 // compared: a FHIR reader; the newest tag of its Go module
	github.com/minio/simdjson-go v0.4.5 // compared: a JSON parser with SIMD
	github.com/stretchr/testify v1.12.1 // tests: assertions
	github.com/tidwall/gjson v1.20.3 // compared: a JSON query
	github.com/valyala/fastjson v1.6.10 // compared: a JSON parser
)

require (
	bitbucket.org/creachadair/stringset v0.0.9 // indirect
	github.com/bytedance/gopkg v0.1.3 // indirect
	github.com/bytedance/sonic/loader v0.5.3 // indirect
	github.com/cloudwego/base64x v0.1.6 // indirect
	// google/fhir requires v1.4.3, which does not build with a current protobuf.
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/json-iterator/go v1.1.10 // indirect
	github.com/klauspost/compress v1.15.15 // indirect
	github.com/klauspost/cpuid/v2 v2.2.9 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.1 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/serenize/snaker v0.0.0-20201027110005-a7ad2135616e // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.3.0 // indirect
	github.com/twitchyliquid64/golang-asm v0.15.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/arch v0.0.0-20210923205945-b76863e36670 // indirect
	golang.org/x/sys v0.50.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
