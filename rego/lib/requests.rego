# METADATA
# title: Words for what is asked
package sallyport.lib.requests

# METADATA
# description: |
#   `secrets shop/db`, `pods/exec shop/web-0`, `nodes node-1`; the path where it is no resource.
target := input.request.path if {
	input.request.nonResource
} else := concat(" ", [part | some part in [resource, place]; part != ""])

# METADATA
# description: |
#   `pods shop/web-0`, also where a subresource of it is meant.
parent := concat(" ", [input.request.resource.resource, place])

resource := concat("/", [part |
	some part in [input.request.resource.resource, input.request.subResource]
	part != ""
])

# The API server calls the name of a namespace its namespace as well.
place := input.request.name if input.request.resource.resource == "namespaces"

place := concat("/", [part | some part in [input.request.namespace, input.request.name]; part != ""]) if {
	input.request.resource.resource != "namespaces"
}

# METADATA
# description: The verb in the third person.
deed := object.get(deeds, input.request.verb, input.request.verb)

deeds := {
	"create": "creates",
	"update": "replaces",
	"patch": "patches",
	"delete": "deletes",
	"deletecollection": "deletes all of",
	"get": "opens",
	"list": "lists",
	"watch": "watches",
}
