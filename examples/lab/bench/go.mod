module github.com/fhirdock/fhirdock/examples/lab/bench

go 1.26.0

replace github.com/fhirdock/fhirdock => ../../..

require (
	github.com/buger/jsonparser v1.6.1
	// v1.15.5 has native code for Go 1.17 to 1.27. With a newer Go it falls back to
	// encoding/json, and its row would not be its own.
	github.com/bytedance/sonic v1.15.5
	github.com/fhirdock/fhirdock v0.0.0
	github.com/go-json-experiment/json v1.27.2
	github.com/goccy/go-json v0.12.0
	// The Go module lies in a folder of its repository, and is tagged up to here.
	github.com/google/fhir/go v0.7.4
	github.com/minio/simdjson-go v0.4.5
	github.com/tidwall/gjson v1.20.1
	github.com/valyala/fastjson v1.6.10
)

require github.com/stretchr/testify v1.12.1

require (
	bitbucket.org/creachadair/stringset v0.0.9 // indirect
	github.com/bytedance/gopkg v0.1.3 // indirect
	github.com/bytedance/sonic/loader v0.5.3 // indirect
	github.com/cloudwego/base64x v0.1.6 // indirect
	// google/fhir asks for v1.4.3, which does not build with a protobuf of today.
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/json-iterator/go v1.1.10 // indirect
	github.com/klauspost/compress v1.15.15 // indirect
	github.com/klauspost/cpuid/v2 v2.2.9 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.1 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/serenize/snaker v0.0.0-20201027110005-a7ad2135616e // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
	github.com/twitchyliquid64/golang-asm v0.15.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/arch v0.0.0-20210923205945-b76863e36670 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
