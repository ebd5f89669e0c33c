// Package firestorefake is an in-memory stand-in for Firestore, for tests of code that
// uses it like gocloud.dev/docstore/gcpfirestore: batch gets, atomic commits with
// preconditions, queries with filters, one order and a limit.
//
// It follows the published API and is as strict as Firestore: it refuses queries that need
// an undeclared composite index or use a field that is exempt from indexes, and documents
// above 1 MiB. It has no transactions, listeners, permissions, contention or rate limits.
// https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1
package firestorefake

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// maxDocument is the maximum size of a document in bytes.
// https://firebase.google.com/docs/firestore/quotas
const maxDocument = 1024 * 1024

// Server is a running stand-in. It is safe for concurrent use.
type Server struct {
	pb.UnimplementedFirestoreServer
	grpc     *grpc.Server
	listener net.Listener
	done     chan struct{}

	mu      sync.Mutex
	indexes indexes
	docs    map[string]*pb.Document // by name
	last    time.Time               // time of the last update
	lost    int                     // responses still to lose
}

// Start starts a stand-in on a free port of this machine, with indexes declared as in
// firestore.indexes.json.
func Start(declared []byte) (*Server, error) {
	s := &Server{docs: map[string]*pb.Document{}, done: make(chan struct{}), grpc: grpc.NewServer()}
	if err := s.Declare(declared); err != nil {
		return nil, err
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	pb.RegisterFirestoreServer(s.grpc, s)
	go func() {
		defer close(s.done)
		_ = s.grpc.Serve(s.listener) // until it is stopped
	}()
	return s, nil
}

// Address returns the value for FIRESTORE_EMULATOR_HOST.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close stops the server.
func (s *Server) Close() error {
	s.grpc.Stop()
	<-s.done
	return nil
}

// LoseAnswers makes the next n commits succeed but return Unavailable.
func (s *Server) LoseAnswers(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = n
}

// BatchGetDocuments implements the service.
func (s *Server) BatchGetDocuments(req *pb.BatchGetDocumentsRequest, stream pb.Firestore_BatchGetDocumentsServer) error {
	if req.ConsistencySelector != nil {
		return status.Error(codes.Unimplemented, "consistency selectors are not supported here")
	}
	s.mu.Lock()
	now := timestamppb.Now()
	var all []*pb.BatchGetDocumentsResponse
	for _, name := range req.Documents {
		r := &pb.BatchGetDocumentsResponse{ReadTime: now}
		if d := s.docs[name]; d != nil {
			r.Result = &pb.BatchGetDocumentsResponse_Found{Found: masked(d, req.Mask)}
		} else {
			r.Result = &pb.BatchGetDocumentsResponse_Missing{Missing: name}
		}
		all = append(all, r)
	}
	s.mu.Unlock()
	for _, r := range all {
		if err := stream.Send(r); err != nil {
			return err
		}
	}
	return nil
}

// masked returns a copy of a document with all or some of its fields.
func masked(d *pb.Document, mask *pb.DocumentMask) *pb.Document {
	d = proto.CloneOf(d)
	if mask != nil {
		for name := range d.Fields {
			if !slices.Contains(mask.FieldPaths, name) {
				delete(d.Fields, name)
			}
		}
	}
	return d
}

// Commit implements the service: all writes or none.
func (s *Server) Commit(_ context.Context, req *pb.CommitRequest) (*pb.CommitResponse, error) {
	if len(req.Transaction) > 0 {
		return nil, status.Error(codes.Unimplemented, "transactions are not supported here")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range req.Writes {
		if err := s.check(w); err != nil {
			return nil, err
		}
	}
	if now := time.Now().Truncate(time.Microsecond); now.After(s.last) {
		s.last = now
	} else { // no two updates have the same time
		s.last = s.last.Add(time.Microsecond)
	}
	at := timestamppb.New(s.last)
	resp := &pb.CommitResponse{CommitTime: at}
	for _, w := range req.Writes {
		switch op := w.Operation.(type) {
		case *pb.Write_Update:
			d := proto.CloneOf(op.Update)
			d.CreateTime, d.UpdateTime = at, at
			if was := s.docs[d.Name]; was != nil {
				d.CreateTime = was.CreateTime
			}
			s.docs[d.Name] = d
		case *pb.Write_Delete:
			delete(s.docs, op.Delete)
		}
		resp.WriteResults = append(resp.WriteResults, &pb.WriteResult{UpdateTime: at})
	}
	if s.lost > 0 {
		s.lost--
		return nil, status.Error(codes.Unavailable, "the response was lost")
	}
	return resp, nil
}

// check returns an error if a write is not allowed.
func (s *Server) check(w *pb.Write) error {
	var name string
	switch op := w.Operation.(type) {
	case *pb.Write_Update:
		if name = op.Update.Name; w.UpdateMask != nil || len(w.UpdateTransforms) > 0 {
			return status.Error(codes.Unimplemented, "updates of single fields are not supported here")
		}
		if size := sizeOf(op.Update); size > maxDocument {
			return status.Errorf(codes.InvalidArgument, "the document's size (%d bytes) exceeds the maximum of %d bytes", size, maxDocument)
		}
	case *pb.Write_Delete:
		name = op.Delete
	default:
		return status.Error(codes.Unimplemented, "this write is not supported here")
	}
	if !strings.Contains(name, "/documents/") {
		return status.Error(codes.InvalidArgument, "invalid document name")
	}
	d := s.docs[name]
	switch c := w.CurrentDocument.GetConditionType().(type) {
	case *pb.Precondition_Exists:
		switch {
		case c.Exists && d == nil:
			return status.Error(codes.NotFound, "no document to update")
		case !c.Exists && d != nil:
			return status.Error(codes.AlreadyExists, "document already exists")
		}
	case *pb.Precondition_UpdateTime:
		if d == nil {
			return status.Error(codes.NotFound, "no document to update")
		}
		if !d.UpdateTime.AsTime().Equal(c.UpdateTime.AsTime()) {
			return status.Error(codes.FailedPrecondition, "the stored version does not match the required base version")
		}
	}
	return nil
}

// sizeOf returns about the size that Firestore counts.
// https://firebase.google.com/docs/firestore/storage-size
func sizeOf(d *pb.Document) int {
	n := len(d.Name) + 32
	for name, v := range d.Fields {
		n += len(name) + 1 + max(len(v.GetStringValue())+1, 8)
	}
	return n
}
