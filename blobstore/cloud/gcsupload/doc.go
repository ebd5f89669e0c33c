package gcsupload
