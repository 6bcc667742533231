package sallyport.rules.tool.unparsed_test

import data.sallyport.lib.given
import data.sallyport.rules.tool.unparsed

test_a_command_whose_text_does_not_say_what_runs_is_found if {
	unparsed.findings == {{
		"message": "what `$a` does is not known: a variable stands in it",
		"fields": ["commands[1]"],
	}} with input as given.tool([
		{"argv": ["ls"], "text": "ls"},
		{"argv": ["$a", "get", "pods"], "text": "$a get pods", "unparsed": "variable"},
	])
}

test_a_reason_that_has_no_words_yet_is_said_as_it_is if {
	unparsed.findings == {{
		"message": "what `x` does is not known: new-reason",
		"fields": ["commands[0]"],
	}} with input as given.tool([{"argv": ["x"], "text": "x", "unparsed": "new-reason"}])
}

test_unknown_arguments_of_a_program_that_starts_nothing_are_not_found if {
	every reason in ["variable", "substitution", "glob", "home", "dialect", "arguments-from-input"] {
		unparsed.findings == set() with input as given.tool([{
			"argv": ["echo", "$x"],
			"text": "echo $x",
			"unparsed": reason,
		}])
	}
}

test_such_a_program_is_found_where_more_than_its_arguments_is_unknown if {
	every reason in ["redefined", "environment", "characters", "alias"] {
		found := unparsed.findings with input as given.tool([{
			"argv": ["echo", "$x"],
			"text": "echo $x",
			"unparsed": reason,
		}])
		count(found) == 1
	}
}

test_parameters_name_other_programs if {
	rules := {"tool/unparsed": {"params": {"harmless": ["kubectl"]}}}
	asked := given.tool([
		{"argv": ["echo", "$x"], "text": "echo $x", "unparsed": "variable"},
		{"argv": ["kubectl", "$x"], "text": "kubectl $x", "unparsed": "variable"},
	])
	found := unparsed.findings with input as asked with data.guardrails.rules as rules
	{f.fields | some f in found} == {["commands[0]"]}
}

test_a_command_that_is_known_is_not_found if {
	unparsed.findings == set() with input as given.tool([{"argv": ["kubectl", "get", "pods"], "text": "kubectl get pods"}])
}
