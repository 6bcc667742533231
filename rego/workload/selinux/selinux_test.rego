package sallyport.rules.workload.selinux_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.selinux

test_a_type_of_one_s_own_a_user_and_a_role_are_found if {
	every option, value in {"type": "spc_t", "user": "system_u", "role": "system_r"} {
		every one in given.with_context({"seLinuxOptions": {option: value}}) {
			findings := selinux.findings with input as given.pod("create", one.spec)
			findings == {{
				"message": $"{one.owner} sets the SELinux {option} {value}",
				"fields": [$"{one.path}.seLinuxOptions.{option}"],
			}}
		}
	}
}

test_types_of_containers_and_levels_are_not_found if {
	every type in ["container_t", "container_init_t", "container_kvm_t", "container_engine_t", "", null] {
		options := {"type": type, "level": "s0:c1,c2", "user": "", "role": null}
		every one in given.with_context({"seLinuxOptions": options}) {
			selinux.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_what_stood_already_is_not_found_again if {
	every one in given.with_context({"seLinuxOptions": {"type": "spc_t", "user": "system_u"}}) {
		selinux.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}

test_another_type_than_before_is_found if {
	stored := {"securityContext": {"seLinuxOptions": {"type": "container_t"}}}
	now := {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}
	found := selinux.findings with input as given.pod_update(now, stored)
	count(found) == 1
}
