package sallyport.lib.text_test

import data.sallyport.lib.text

test_words_are_quoted_where_a_shell_would_split_them if {
	text.shell(["sh", "-c", "echo 'done'", ""]) == `sh -c 'echo '\''done'\''' ''`
}
