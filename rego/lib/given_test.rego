# METADATA
# title: Requests for tests
# description: Inputs of contracts §1.1, as small as rules need them.
package sallyport.lib.given

# METADATA
# description: A request for a resource of a namespace; `changes` replace any part of the input.
request(verb, resource, changes) := object.union(
	{
		"user": {"username": "corp:agent", "groups": ["corp:devs"]},
		"connection": {"name": "prod"},
		"exceptions": [],
		"request": {
			"verb": verb,
			"operation": object.get(operations, verb, ""),
			"path": "/",
			"nonResource": false,
			"resource": {"group": "", "version": "v1", "resource": resource},
			"subResource": "",
			"namespace": "shop",
			"name": "db",
		},
	},
	changes,
)

operations := {
	"create": "CREATE",
	"update": "UPDATE",
	"patch": "UPDATE",
	"delete": "DELETE",
	"deletecollection": "DELETE",
}

# METADATA
# description: A subresource that connects the caller to something, over a method of either kind.
connect(verb, resource, subresource, changes) := object.union(
	request(verb, resource, {"request": {"operation": "CONNECT", "subResource": subresource}}),
	changes,
)

# METADATA
# description: A path that is no resource.
path(verb, text) := request(verb, "", {"request": {
	"nonResource": true,
	"path": text,
	"namespace": "",
	"name": "",
	"operation": "",
}})
