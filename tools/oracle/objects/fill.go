package main

import (
	"fmt"
	"math/rand"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"
)

var (
	quantities = []string{"0", "1", "100m", "1500m", "1Gi", "1.5", "0.5Mi", "-5k", "1e3", "12E6", "3n", "9007199254740993", "1.25Ti"}
	raws       = []string{
		`{}`, `[]`, `null`, `"text"`, `7`, `-0.5`, `true`,
		`{"apiVersion":"example.com/v1","kind":"Some","spec":{"key":"värde","list":[1,2,{"a":null}],"big":9007199254740993}}`,
	}
	objects = raws[7:]
)

// fill gives an object values by its seed, with the functions that Kubernetes' own round trips use, and ours where
// those leave an encoding untried.
func fill(object runtime.Object, seed int64) {
	deep := 0
	codecs := serializer.NewCodecFactory(runtime.NewScheme())
	random := rand.New(rand.NewSource(seed))
	// Some objects nearly full, some nearly empty: zero values that must stay, and those that must not.
	chance := []float64{0.05, 0.3, 0.6, 0.95}[random.Intn(4)]
	schemaRoom := func(c randfill.Continue) bool { return deep == 0 || (deep < 4 && c.Intn(4) == 0) }
	filler := randfill.New().NilChance(chance).NumElements(0, 2).RandSource(random)
	filler.Funcs(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, func(serializer.CodecFactory) []any {
		return []any{
			func(q *resource.Quantity, c randfill.Continue) {
				*q = resource.MustParse(quantities[c.Intn(len(quantities))])
			},
			func(r *runtime.RawExtension, c randfill.Continue) { r.Raw = []byte(objects[c.Intn(len(objects))]) },
			func(f *metav1.FieldsV1, c randfill.Continue) {
				f.SetRawString(fmt.Sprintf(`{"f:metadata":{"f:labels":{".":{},"f:n%d":{}}}}`, c.Intn(9)))
			},
			func(m *metav1.ManagedFieldsEntry, c randfill.Continue) { c.FillNoCustom(m) },
			func(j *apiextensionsv1.JSON, c randfill.Continue) { j.Raw = []byte(raws[c.Intn(len(raws))]) },
			func(j *apiextensionsv1beta1.JSON, c randfill.Continue) { j.Raw = []byte(raws[c.Intn(len(raws))]) },
			func(s *apiextensionsv1.JSONSchemaProps, c randfill.Continue) {
				if schemaRoom(c) {
					deep++
					c.FillNoCustom(s)
					deep--
				}
			},
			func(s *apiextensionsv1beta1.JSONSchemaProps, c randfill.Continue) {
				if schemaRoom(c) {
					deep++
					c.FillNoCustom(s)
					deep--
				}
			},
			func(s *apiextensionsv1.JSONSchemaPropsOrBool, c randfill.Continue) {
				if c.FillNoCustom(s); s.Schema != nil {
					s.Allows = true
				}
			},
			func(s *apiextensionsv1beta1.JSONSchemaPropsOrBool, c randfill.Continue) {
				if c.FillNoCustom(s); s.Schema != nil {
					s.Allows = true
				}
			},
			func(s *apiextensionsv1.JSONSchemaPropsOrArray, c randfill.Continue) {
				if c.FillNoCustom(s); len(s.JSONSchemas) > 0 {
					s.Schema = nil
				}
			},
			func(s *apiextensionsv1beta1.JSONSchemaPropsOrArray, c randfill.Continue) {
				if c.FillNoCustom(s); len(s.JSONSchemas) > 0 {
					s.Schema = nil
				}
			},
			func(s *apiextensionsv1.JSONSchemaPropsOrStringArray, c randfill.Continue) {
				if c.FillNoCustom(s); len(s.Property) > 0 {
					s.Schema = nil
				}
			},
			func(s *apiextensionsv1beta1.JSONSchemaPropsOrStringArray, c randfill.Continue) {
				if c.FillNoCustom(s); len(s.Property) > 0 {
					s.Schema = nil
				}
			},
		}
	})(codecs)...)
	filler.Fill(object)
}
