package objectstores

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// azuriteVersion is pinned, so that its behaviour does not change.
const azuriteVersion = "3.37.0"

// Azurite's default account and its published key.
// https://learn.microsoft.com/en-us/azure/storage/common/storage-connect-azurite
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// Azure starts Azurite in memory with one container. It returns ErrMissing if Azurite is
// not installed. It needs Node.js.
func Azure(ctx context.Context) (_ *Storage, err error) {
	path, err := localserver.Binary(ctx, "FHIRDOCK_TEST_AZURITE", "azurite-blob", azuriteVersion, filepath.Join("node_modules", ".bin", "azurite-blob"), func(folder string) []string {
		return localserver.NPM(folder, "azurite@"+azuriteVersion)
	})
	if err != nil {
		return nil, err
	}
	address, err := localserver.FreeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p, err := localserver.Start(ctx, address, nil, path, "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent",
		"--blobHost", host, "--blobPort", port)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Stop())
		}
	}()
	credential, err := azblob.NewSharedKeyCredential(azuriteAccount, azuriteKey)
	if err != nil {
		return nil, err
	}
	client, err := azblob.NewClientWithSharedKeyCredential("http://"+address+"/"+azuriteAccount, credential, nil)
	if err != nil {
		return nil, err
	}
	if _, err := client.CreateContainer(ctx, "payloads", nil); err != nil {
		return nil, fmt.Errorf("create container: %w", err)
	}
	return &Storage{
		Name: "Azurite " + azuriteVersion + ", an emulator",
		Env:  map[string]string{"AZURE_STORAGE_ACCOUNT": azuriteAccount, "AZURE_STORAGE_KEY": azuriteKey},
		URL:  "azblob://payloads?" + url.Values{"domain": {address}, "protocol": {"http"}, "localemu": {"true"}}.Encode(),
		stop: p.Stop,
	}, nil
}
