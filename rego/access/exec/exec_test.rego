package sallyport.rules.access.exec_test

import data.sallyport.lib.given
import data.sallyport.rules.access.exec

runs := {"exec": {"command": ["sh", "-c", "rm -rf /data"], "container": "app", "stdin": false, "tty": false}}

test_exec_is_found_over_a_websocket_get_and_a_spdy_post if {
	every verb in ["get", "create"] {
		exec.findings == {{
			"message": "runs `sh -c 'rm -rf /data'` in pods shop/db, container app",
			"fields": [],
		}} with input as given.connect(verb, "pods", "exec", runs)
	}
}

test_an_open_input_is_said_since_whatever_is_typed_later_runs_too if {
	shell := {"command": ["sh"], "container": "app", "stdin": true, "tty": true}
	exec.findings == {{
		"message": "runs `sh` in pods shop/db, container app, with its input open: it runs whatever is typed later",
		"fields": [],
	}} with input as given.connect("get", "pods", "exec", {"exec": shell})
	exec.findings == {{
		"message": "attaches to pods shop/db, with its input open: it runs whatever is typed later",
		"fields": [],
	}} with input as given.connect("get", "pods", "attach", {"exec": {"command": [], "container": "", "stdin": true}})
}

test_an_exec_that_names_no_container_is_found if {
	exec.findings == {{
		"message": "runs `sh` in pods shop/db",
		"fields": [],
	}} with input as given.connect("get", "pods", "exec", {"exec": {"command": ["sh"], "container": ""}})
}

test_an_exec_whose_command_is_unknown_is_found if {
	exec.findings == {{
		"message": "runs a command in pods shop/db",
		"fields": [],
	}} with input as given.connect("get", "pods", "exec", {})
}

test_attach_is_found if {
	exec.findings == {{
		"message": "attaches to pods shop/db",
		"fields": [],
	}} with input as given.connect("get", "pods", "attach", {})
}
