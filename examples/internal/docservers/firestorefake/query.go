package firestorefake

import (
	"cmp"
	"path"
	"slices"
	"strings"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// RunQuery implements the service.
func (s *Server) RunQuery(req *pb.RunQueryRequest, stream pb.Firestore_RunQueryServer) error {
	found, err := s.find(req)
	if err != nil {
		return err
	}
	now := timestamppb.Now()
	for _, d := range found {
		if err := stream.Send(&pb.RunQueryResponse{Document: d, ReadTime: now}); err != nil {
			return err
		}
	}
	if len(found) == 0 { // send only the time
		return stream.Send(&pb.RunQueryResponse{ReadTime: now})
	}
	return nil
}

func (s *Server) find(req *pb.RunQueryRequest) ([]*pb.Document, error) {
	q := req.GetStructuredQuery()
	if q == nil || len(q.From) != 1 || q.From[0].AllDescendants || q.StartAt != nil || q.EndAt != nil || q.Offset != 0 ||
		len(q.OrderBy) > 1 || q.Select != nil || req.ConsistencySelector != nil {
		return nil, status.Error(codes.Unimplemented, "this query is not supported here")
	}
	filters, err := flat(q.Where)
	if err != nil {
		return nil, err
	}
	order, descending, err := ordered(q, filters)
	if err != nil {
		return nil, err
	}
	collection := req.Parent + "/" + q.From[0].CollectionId + "/"
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.indexes.serve(q.From[0].CollectionId, filters, order, descending); err != nil {
		return nil, err
	}
	var found []*pb.Document
	for name, d := range s.docs {
		if strings.HasPrefix(name, collection) && path.Dir(name)+"/" == collection && matches(d, filters, order) {
			found = append(found, proto.CloneOf(d))
		}
	}
	slices.SortFunc(found, func(a, b *pb.Document) int {
		c := cmp.Compare(a.Name, b.Name)
		if order != "" {
			c = cmp.Or(compare(a.Fields[order], b.Fields[order]), c)
		}
		if descending {
			c = -c
		}
		return c
	})
	if q.Limit != nil {
		found = found[:min(len(found), int(q.Limit.Value))]
	}
	return found, nil
}

// flat returns the filters of a query, all of which must match.
func flat(f *pb.StructuredQuery_Filter) ([]*pb.StructuredQuery_FieldFilter, error) {
	switch t := f.GetFilterType().(type) {
	case nil:
		return nil, nil
	case *pb.StructuredQuery_Filter_FieldFilter:
		return []*pb.StructuredQuery_FieldFilter{t.FieldFilter}, nil
	case *pb.StructuredQuery_Filter_CompositeFilter:
		if t.CompositeFilter.Op == pb.StructuredQuery_CompositeFilter_AND {
			var all []*pb.StructuredQuery_FieldFilter
			for _, f := range t.CompositeFilter.Filters {
				some, err := flat(f)
				if err != nil {
					return nil, err
				}
				all = append(all, some...)
			}
			return all, nil
		}
	}
	return nil, status.Error(codes.Unimplemented, "this filter is not supported here")
}

func isEqual(f *pb.StructuredQuery_FieldFilter) bool {
	return f.Op == pb.StructuredQuery_FieldFilter_EQUAL
}

// ordered returns the field that a query is ordered by: the declared one, or the field of
// its inequality.
func ordered(q *pb.StructuredQuery, filters []*pb.StructuredQuery_FieldFilter) (field string, descending bool, err error) {
	for _, o := range q.OrderBy {
		field, descending = o.Field.FieldPath, o.Direction == pb.StructuredQuery_DESCENDING
	}
	for _, f := range filters {
		if isEqual(f) {
			continue
		}
		if field == "" {
			field = f.Field.FieldPath
		}
		if f.Field.FieldPath != field {
			return "", false, status.Error(codes.InvalidArgument, "an inequality must be on the field of the order")
		}
	}
	return field, descending, nil
}

// matches reports whether a document matches. One without one of the fields is in no
// index.
func matches(d *pb.Document, filters []*pb.StructuredQuery_FieldFilter, order string) bool {
	if order != "" && d.Fields[order] == nil {
		return false
	}
	for _, f := range filters {
		v := d.Fields[f.Field.FieldPath]
		if v == nil {
			return false
		}
		c := compare(v, f.Value)
		ok := false
		switch f.Op {
		case pb.StructuredQuery_FieldFilter_EQUAL:
			ok = c == 0
		case pb.StructuredQuery_FieldFilter_LESS_THAN:
			ok = c < 0
		case pb.StructuredQuery_FieldFilter_LESS_THAN_OR_EQUAL:
			ok = c <= 0
		case pb.StructuredQuery_FieldFilter_GREATER_THAN:
			ok = c > 0
		case pb.StructuredQuery_FieldFilter_GREATER_THAN_OR_EQUAL:
			ok = c >= 0
		}
		if !ok {
			return false
		}
	}
	return true
}

// compare orders integers before strings, and strings by their bytes. Other values don't
// occur.
func compare(a, b *pb.Value) int {
	as, aText := a.ValueType.(*pb.Value_StringValue)
	bs, bText := b.ValueType.(*pb.Value_StringValue)
	switch {
	case aText && bText:
		return cmp.Compare(as.StringValue, bs.StringValue)
	case aText != bText:
		if aText {
			return 1
		}
		return -1
	}
	return cmp.Compare(a.GetIntegerValue(), b.GetIntegerValue())
}
