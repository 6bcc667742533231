package sallyport.lib.tools_test

import data.sallyport.lib.tools

test_a_short_command_is_shown_as_it_is_written if {
	tools.shown({"text": "kubectl get pods"}) == "kubectl get pods"
}

test_a_long_command_is_cut if {
	long := concat("", ["x" | some _ in numbers.range(1, 200)])
	shown := tools.shown({"text": long})
	count(shown) == 121
	endswith(shown, "x…")
}
