package sallyport.rules.dialogue.allowed_models_test

import data.sallyport.lib.given
import data.sallyport.rules.dialogue.allowed_models

of(model) := {{
	"message": $"`{model}` is none of the models that are allowed",
	"fields": ["dialogue.model"],
}}

models(list) := {"rules": {"dialogue/allowed-models": {"params": {"models": list}}}}

test_a_model_that_is_not_named_is_found if {
	allowed_models.findings == of("gpt-5") with input as given.dialogue("gpt-5")
		with data.guardrails as models(["claude-*", "gpt-5-mini"])
}

test_a_model_that_a_glob_names_is_not_found if {
	allowed_models.findings == set() with input as given.dialogue("claude-sonnet-4-5[1m]")
		with data.guardrails as models(["claude-*"])
}

test_brackets_are_no_pattern if {
	allowed_models.findings == set() with input as given.dialogue("claude-sonnet-4-5[1m]")
		with data.guardrails as models(["claude-sonnet-4-5[1m]"])
}

test_a_model_that_is_taken_out_again_is_found if {
	allowed_models.findings == of("claude-opus-4-1") with input as given.dialogue("claude-opus-4-1")
		with data.guardrails as models(["claude-*", "!claude-opus-*"])
}

test_no_name_is_no_model_that_is_allowed if {
	allowed_models.findings == of("") with input as given.dialogue("")
		with data.guardrails as models(["claude-*"])
}

test_without_a_list_none_is_allowed if {
	allowed_models.findings == of("claude-x") with input as given.dialogue("claude-x")
		with data.guardrails as models([])
}
