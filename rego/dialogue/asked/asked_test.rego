package sallyport.rules.dialogue.asked_test

import data.sallyport.lib.given
import data.sallyport.rules.dialogue.asked

test_every_dialogue_is_found if {
	asked.findings == {{
		"message": "a dialogue over the connection claude",
		"fields": ["dialogue.model"],
	}} with input as given.dialogue("claude-x")
}
