package sallyport.rules.recon.access_review_test

import data.sallyport.lib.given
import data.sallyport.rules.recon.access_review

test_a_question_is_found if {
	access_review.findings == {{
		"message": "asks for selfsubjectrulesreviews",
		"fields": [],
	}} with input as given.request("create", "selfsubjectrulesreviews", {"request": {"namespace": "", "name": ""}})
}
