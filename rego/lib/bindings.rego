# METADATA
# title: Vocabulary of rules on role bindings
package sallyport.lib.bindings

# METADATA
# scope: document
# description: The role that is bound, `ClusterRole edit`, as far as the object that is written says it.
default role := "a role"

role := concat(" ", [input.object.roleRef.kind, input.object.roleRef.name])

# METADATA
# scope: document
# description: To whom it is bound, ` to User jane, Group devs`, or nothing.
default to_whom := ""

to_whom := concat("", [" to ", concat(", ", names)]) if count(names) > 0

# METADATA
# description: The fields of the object that say so.
fields := [field | some field in ["roleRef", "subjects"]; input.object[field]]

names := [concat(" ", [subject.kind, subject.name]) | some subject in input.object.subjects]
