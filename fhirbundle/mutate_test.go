package fhirbundle

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
)

// seeds are documents to mutate.
func seeds(t testing.TB) [][]byte {
	g := fhirgen.New(nil)
	all := [][]byte{
		g.AppendBundle(nil, "transaction", 1),
		g.AppendResource(nil, "Patient"),
		fhirgen.New(&fhirgen.Options{Indent: true}).AppendResource(nil, "Observation"),
		[]byte(tx(post(patient), `{"request":{"method":"GET","url":"A"}}`)),
		[]byte(`{"resourceType":"Bundle","entry":[{"fullUrl":"a","resource":{"given":["a",null],"_given":[null,{"id":"\ud83d\ude00é"}],"n":[-0.0e-10,1E+5,0,10,true,false,null,"",[],{}]}}],"type":"batch"} `),
		[]byte("{\"" + many(60)[1:] + "}"),
		[]byte(`[[[[[[[[{"a":{"b":{"c":["\"\\\/\b\f\n\r\t"]}}}]]]]]]]]`),
		[]byte("[ 0 , -0,0.0 ,1e0, 1E-0,\t-12.340e+56 ,\r\n9007199254740993,1.7976931348623159e309 , 5e-324]"),
		[]byte(`{"a":"\ud83d\ude00","\uD83D\uDE00":"😀","😀!":"\u00e9é€","\u20ac":"\u0000","":"\u007f"}`),
		[]byte(`{"abcdefg":1,"abcdefgh":{"abcdefg":2,"abcdefgh":3,"abcdefghi":4},"abcdefghi":5,"abcdefghijklmnop":6,"abcdefghijklmnopq":7}`),
		[]byte(`["0123456","01234567","012345678","0123456\n","01234567\n","0123456é","01234567é","012345€","0123456€","01234😀","0123456😀"]`),
		[]byte(`{"a":{},"b":[],"c":[{}],"d":[[]],"e":{"f":{}},"g":[{},[],{},[]]}`),
		[]byte(`"x"`), []byte(`-1.5e3`), []byte(`0`), []byte(` true `), []byte("\n\n\n        null"),
		[]byte("{\r\n\t\"a\" : [ 1 ,\n\n 2\t, 3 ]\r\n, \"b\"\t:\ttrue\n}"),
	}
	for _, f := range corpusFiles(t) {
		if len(f.data) < 3000 {
			all = append(all, f.data)
		}
	}
	return all
}

// pieces are put into documents.
var pieces = []string{
	// Syntax and white space, some of which JSON does not have.
	`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", "\t", "\r", "\r\n", "        ", "\n                 ", "\f", "\v", "\u00a0", "\u2028", "\u0085",
	`,,`, `{}`, `[]`, `""`, `[,]`, `{,}`, `'a'`, `/**/`, `//`, `;`, `=`,
	// Control characters, and what is and is not UTF-8.
	"\x00", "\x01", "\x1f", "\x7f", "\x80", "\xa2", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2\xa9", "\xc2", "\xe2\x82\xac", "\xe2\x82", "\xe0\x80\xaf", "\xe0\x9f\xbf",
	"\xe0\xa0\x80", "\xed\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x9f\x98\x80", "\xf0\x9f\x98", "\xf0\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80",
	"\xf5\x80\x80\x80", "\xf8", "\xfe", "\xff", "\xef\xbb\xbf", "\xef\xbb",
	// Escapes and surrogates.
	`\u0000`, `\u0061`, `\u006`, `\u00G0`, `\U0061`, `\"`, `\\`, `\/`, `\b`, `\a`, `\'`, `\x`, `\x41`, `\u`,
	`\ud800`, `\udc00`, `\udbff\udfff`, `\ud83d\ude00`, `\uD83D\u0041`, `\ud83d\n`, `\ud83d\\ude00`, `\ud83dude00`, `\ude00\ud83d`, `\ud83d\ud83d\ude00`, `\uD7FF`, `\uE000`,
	// Numbers and literals.
	`0`, `-`, `+1`, `1.`, `.5`, `1e5`, `1E-`, `1e+`, `01`, `-0`, `-01`, `00`, `0x1`, `1.0.0`, `1e1e1`, `1e1.5`, `--1`, `123456789012345678901234567890`, `1e999999`, `0.000000000000000000001`,
	`true`, `false`, `null`, `nul`, `nulll`, `tru`, `True`, `NaN`, `Infinity`, `-Infinity`, `undefined`,
	// Members, and names that occur twice.
	`"a":1`, `"a":1,"a":2`, `"a":1,"\u0061":2,`, `"😀":1,"\ud83d\ude00":1,`, `"resourceType":"Bundle"`, `"id":"x"`, `"entry":[`, `{"a":`, `"":0,`, `"":1,"":1,`,
	// Nesting.
	`[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[`, `]]]]]]]]]]]]`, `{"a":{"a":{"a":{"a":{"a":{"a":{"a":`, `}}}}}}}`,
}

// mutate changes a document in one to three places.
func mutate(r *rand.Rand, all [][]byte) []byte {
	data := bytes.Clone(all[r.IntN(len(all))])
	for range 1 + r.IntN(3) {
		if len(data) == 0 {
			return data
		}
		i := r.IntN(len(data))
		j := min(len(data), i+1+r.IntN(12))
		switch r.IntN(11) {
		case 0: // cut
			data = data[:i]
		case 1: // flip
			data[i] ^= 1 << r.IntN(8)
		case 2: // leave out
			data = append(data[:i], data[j:]...)
		case 3: // double
			data = append(data[:j:j], data[i:]...)
		case 4, 5: // put in
			data = put(data, i, i, pieces[r.IntN(len(pieces))])
		case 6: // replace
			data = put(data, i, j, pieces[r.IntN(len(pieces))])
		case 7: // splice
			other := all[r.IntN(len(all))]
			if len(other) > 0 {
				k := r.IntN(len(other))
				data = append(data[:i:i], other[k:min(len(other), k+200)]...)
			}
		case 8: // a name once more, in the same object or another one
			if n := bytes.IndexByte(data[i:], '"'); n >= 0 {
				if m := bytes.IndexByte(data[i+n+1:], '"'); m >= 0 {
					name := string(data[i+n : i+n+m+2])
					if k := bytes.IndexByte(data[r.IntN(i+1):], '{'); k >= 0 {
						data = put(data, k+1, k+1, name+":0,")
					}
				}
			}
		case 9: // deeper
			if n := bytes.IndexByte(data[i:], ':'); n >= 0 {
				deep := 1 + r.IntN(80)
				data = put(data, i+n+1, i+n+1, strings.Repeat(`[{"a":`, deep)+"1"+strings.Repeat("}]", deep-r.IntN(100)/99)+",")
			}
		case 10: // white space, where it may be or not
			data = put(data, i, i, strings.Repeat(" \n\t\r"[r.IntN(4):], r.IntN(9)))
		}
	}
	return data
}

// put replaces data[i:j] by text.
func put(data []byte, i, j int, text string) []byte {
	return append(data[:i:i], append([]byte(text), data[j:]...)...)
}
