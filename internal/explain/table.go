package explain

import "github.com/pikasTech/unidesk-artifact-cd/internal/fault"

// requests are reasons of a wrong request or set-up.
func requests() []Entry {
	return []Entry{
		{
			fault.Usage, "The command line is wrong: a command, a flag or a value that is not known, or a value that is missing.",
			"Type the line that the answer names. `unidesk-controller --help` lists the commands.",
		},
		{
			fault.Declined, "The command asked at the terminal whether to go on, and the answer was not yes, or the input ended. Nothing was changed.",
			"Type the same command and answer `y`, or give it `--yes`.",
		},
		{
			fault.CommitNotPinned, "The commit is not a full commit id of 40 or 64 lower-case hexadecimal digits. A branch, a tag and a short id may move or be ambiguous.",
			"Type the full id: `git rev-parse 'NAME^{commit}'`. `unidesk-controller artifact-registry list` shows what is published.",
		},
		{
			fault.InvalidRequest, "A field of a request to an agent has another form than the agent takes, or an answer has. As a rule the controller and the agent are of different versions.",
			"Compare the versions: `unidesk-controller version --hosts`. Install the same version on both sides. If they are the same, it is a fault of this program: report it.",
		},
		{
			fault.UnknownService, "The catalog (services.yaml) has no service of this name.",
			"Choose a name from `unidesk-controller services`, or add a row to services.yaml ({configuration.md}) and check it: `unidesk-controller catalog check FILE`.",
		},
		{
			fault.Unsupported, "The service has no target in this environment, or the environment allows dry run and plan only; or a host is of a kind that is not served (its processor, its system, the way to it).",
			"Choose an environment that the service has: `unidesk-controller services NAME`. For a host: the message names what is missing there.",
		},
		{
			fault.ConfigInvalid, "A file of the configuration is missing, malformed or incomplete: controller.yaml, services.yaml, agent.yaml, deploy.json, config.json, a kubeconfig or a token file.",
			"Correct the file and the line that the message names ({configuration.md}, {agent.yaml}), then `unidesk-controller doctor`.",
		},
		{
			fault.EnvFileInvalid, "The env file of the Compose project cannot be read or replaced without changing what else it says: its form, its encoding, its owner or its folder.",
			"Do what the hint says about the file, then the same command. {hosts.md} (\"Who may deploy to the master\") has who may own it.",
		},
		{
			fault.EnvKeyMissing, "A value that the service needs is missing or empty: in the env file, or in config.json for the keys that a deploy copies into the cluster.",
			"Restore the value in the file that the check names, then the same command. No output shows the value itself.",
		},
		{
			fault.Interrupted, "Ctrl-C, a signal or a closed connection stopped the command.",
			"Read `running` in the answer. The same command again goes on or begins anew; `unidesk-controller recover` ends what is left.",
		},
		{
			fault.Internal, "The program met a state that it does not know, or an error without a reason of its own.",
			"Try the same command again. If it fails again, report it with the message and `unidesk-controller version --hosts`.",
		},
	}
}

// artifacts are reasons of what the registry holds of a commit.
func artifacts() []Entry {
	return []Entry{
		{
			fault.ArtifactNotFound, "The registry has no image of this service under the commit's tag: CI has not pushed it, pushed it under another name, or the registry lost it.",
			"See what there is: `unidesk-controller artifact-registry list --service NAME`. Have CI publish the commit ({provenance.md}, \"What CI pushes\").",
		},
		{
			fault.ArtifactInvalid, "The registry has something under the tag that is no whole image: malformed, too large, of another kind, or without some of its parts.",
			"Publish the commit again. The message names the part.",
		},
		{
			fault.PlatformNotFound, "The image is for another platform than the host's engine, or its index has no entry for that platform.",
			"Have CI build the image for the platform in the message and publish the commit again.",
		},
		{
			fault.DigestMismatch, "Bytes do not hash to the digest that names them, or a name means another image than was verified.",
			"Try the same command again. If it fails again, the registry's disk or another program changed the image: publish the commit again, and look for what else writes these names.",
		},
		{
			fault.LabelMismatch, "A label of the image does not name this commit, service or repository.",
			"Correct the build so that it sets the labels of {provenance.md}, and publish the commit again.",
		},
		{
			fault.TagMoved, "The commit's tag names another image than a receipt proves, or than `--digest` names. The commit was pushed a second time.",
			"Find out who pushed it. If the newer image is meant, repeat the command with `--digest` and the digest in the message; the receipt records it.",
		},
		{
			fault.ProvenanceMissing, "The service requires a producer's summary or a commit on a branch of its source, and there is none that can be used.",
			"Have the producer publish the summary of the commit, or push the commit to a branch of the source ({provenance.md}).",
		},
		{
			fault.ProvenanceContradicted, "The producer's summary says something else about this commit than the registry: another digest, service, repository or source.",
			"Find out who pushed what. The tag was moved, or the summary is of another build. Publish the commit again.",
		},
	}
}

// hosts are reasons of a host, the way to it and its agent.
func hosts() []Entry {
	return []Entry{
		{
			fault.HostUnreachable, "The host, ssh or the agent's socket does not answer, or the connection broke.",
			"`unidesk-controller host list` shows which hosts answer. On the host: `systemctl status unidesk-agent.socket unidesk-agent.service`.",
		},
		{
			fault.HostKeyMismatch, "The host shows another ssh host key than known_hosts has.",
			"Find out why before you accept a key: the host was installed anew, or another machine answers in its place.",
		},
		{
			fault.NotAnAgent, "Something answers in the agent's place: a shell that prints text, another program, or a path that changes bytes; or the agent is not installed.",
			"Install the agent: `unidesk-controller host bootstrap NAME`. Otherwise take out what a start-up file of the account prints: `ssh HOST true` must print nothing.",
		},
		{
			fault.Stalled, "The connection is open and nothing came over it for the time that the step allows.",
			"Try the same command again; a transfer goes on from where it was. `unidesk-controller doctor` tests the path to the host.",
		},
		{
			fault.RoleMissing, "The account on the host has no role, or too low a role, in agent.yaml; or it is not in the socket's group; or the agent's account in the cluster lacks a right.",
			"On the host, as root: put the account under `roles` in /etc/unidesk/agent.yaml and into the group `unidesk-agent`, then `systemctl restart unidesk-agent`. In a cluster: `unidesk-controller host bootstrap NAME`.",
		},
		{
			fault.CapabilityMissing, "The agent does not know what the controller asks: it is older, or its agent.yaml has no section for it.",
			"Compare the versions: `unidesk-controller version --hosts`. Upgrade the agent ({upgrading.md}), or add the section that the hint names to agent.yaml.",
		},
		{
			fault.Busy, "The agent does as much at the same time as it allows.",
			"Wait for the other runs and try the same command again.",
		},
		{
			fault.DiskFull, "A disk has less room than the step needs: of the spool, the agent's state, the engine or the cluster's containerd.",
			"Make room on the disk that the message names. `unidesk-controller host list` shows the free room of each. Then the same command.",
		},
		{
			fault.PathRefused, "A file or folder is not safe to use: it is a link, it lies outside of what agent.yaml allows, or an account that may not do so could write it.",
			"Do what the hint says: correct the owner or the mode, or move the file away. {security.md} has who may write what.",
		},
	}
}

// workloads are reasons of what runs a service: the engine, Compose, Kubernetes.
func workloads() []Entry {
	return []Entry{
		{
			fault.EngineUnavailable, "The container engine does not answer, or the account may not use its socket.",
			"On the host: `systemctl status docker` (of a node of k3s: `systemctl status k3s`). An operator on the master is in the group `docker`. Then the same command.",
		},
		{
			fault.EngineFailed, "The engine took a request and answered with an error.",
			"Read the engine's words in the message and its journal: `journalctl -u docker -n 50` on the host.",
		},
		{
			fault.ComposeFailed, "Docker Compose refused the project, did not end in time, or succeeded without running the asked image.",
			"Read Compose's words in the message. On the host, in the project's folder, `docker compose config` shows whether it reads the project.",
		},
		{
			fault.KubernetesUnavailable, "The API server does not answer, or answers that it cannot.",
			"On the host: `systemctl status k3s` and `kubectl get --raw /readyz`. Then the same command.",
		},
		{
			fault.RolloutFailed, "The cluster refuses the change, or a pod cannot run: it crashes, its image or configuration is missing, no node takes it, or the rollout makes no progress.",
			"Read the pod and its last lines in the message. Repair the image, its configuration or the node, then deploy again.",
		},
		{
			fault.ImageUnavailable, "The engine or the cluster does not have the image and cannot get it: the registry beside it does not answer, or another program removed the image after its transfer.",
			"Check the registry: `unidesk-controller artifact-registry health`. Then the same command; it stages the image again.",
		},
		{
			fault.WorkloadNotFound, "The host has placed no such workload in its agent.yaml, or its container or Deployment is not there.",
			"`unidesk-controller host placement NAME` prints what agent.yaml must have. For a Deployment: apply its manifest first.",
		},
		{
			fault.WorkloadUnfit, "The Compose service or the Deployment has a form that a deploy cannot switch safely, or a program rewrites what a deploy sets.",
			"Do what the check's fix says to the Compose file or the manifest, on the host that it names.",
		},
		{
			fault.Stale, "The workload is not what the plan saw: another run, an edit or a restart changed it meanwhile.",
			"Look again: `unidesk-controller verify --service NAME`. Then repeat the command, if it is still meant.",
		},
		{
			fault.ChangePending, "An earlier change of this workload is not confirmed: its run goes on, or was killed.",
			"Wait until the run ends. If it was killed: `unidesk-controller recover`. The host reverts it by itself at its deadline.",
		},
		{
			fault.ChangeNotFound, "The host knows no change of this id: it was confirmed or reverted and then forgotten, or it is of another host.",
			"`unidesk-controller verify --service NAME` shows what runs; `unidesk-controller recover` ends what is left.",
		},
		{
			fault.NotProven, "What runs is not proven to be the asked commit: a finding does not hold, such as the health answer, a digest or an environment value.",
			"Read which finding does not hold, and the last lines of the container: `unidesk-controller logs --service NAME`. A deploy reverts by itself; repair the version and deploy again.",
		},
		{
			fault.FailedBefore, "An earlier deploy of this very image (commit and digest) to this environment was not proven and was reverted, or was kept as degraded. A host that was lost, an interrupt and a full disk do not count.",
			"Read why: `unidesk-controller history --service NAME`, then `unidesk-controller history show ID`. Publish a repaired commit, or deploy this image once more with --again.",
		},
		{
			fault.RevertFailed, "What ran before a change could not be brought back. The change is still pending.",
			"Type the lines of the hint on the host that it names, then `unidesk-controller recover`. {operations.md} (\"Back by hand\") has the case of a cluster.",
		},
		{
			fault.RecoveryNeeded, "The new version was proven and runs, and its change or its receipt could not be brought to an end.",
			"The same command again, or `unidesk-controller recover`.",
		},
	}
}

// registries are reasons of the managed registry and its installation.
func registries() []Entry {
	return []Entry{
		{
			fault.RegistryUnavailable, "The registry does not answer, wants a login, cannot read its storage, or something else answers on its port.",
			"`unidesk-controller artifact-registry health` names what is wrong and its fix.",
		},
		{
			fault.PortInUse, "Another program listens on the registry's port.",
			"On the host, as root: `ss -ltnp` shows the process. Stop it, or set another `registry.endpoint` in controller.yaml.",
		},
		{
			fault.RenderMismatch, "The controller and the agent make different files of the same registry settings: they are of different versions.",
			"Compare the versions: `unidesk-controller version --hosts`. Bring both to the same version ({upgrading.md}).",
		},
		{
			fault.UnitFailed, "systemd refused a unit, or the unit did not start or stop in time.",
			"On the host: `journalctl -u UNIT -n 50` with the unit in the message. Then the same command.",
		},
	}
}

// gates are reasons that stand before a deploy whatever the hosts' state, and reasons of a grant.
func gates() []Entry {
	return []Entry{
		{
			fault.ContractMismatch, "What the catalog has of the service does not fit how the service runs. No flag opens this gate.",
			"`unidesk-controller services NAME` says why. Correct the service's row in services.yaml, or the service.",
		},
		{
			fault.SupervisorRequired, "The service goes live in this environment only with a supervisor's signed grant, or not at all.",
			"The dry run prints the lines to sign; give the signed file to `--grant` ({grants.md}).",
		},
		{
			fault.UseDeployApply, "The service goes live in this environment only by `deploy apply`, from the commit that deploy.json wants.",
			"Type the line after `next`.",
		},
		{
			fault.PromoteFirst, "Prod takes the service only with a digest that was proven in dev before.",
			"Deploy the commit to dev first: `unidesk-controller artifact-registry deploy-service --service NAME --env dev --commit FULL-SHA --run-now`.",
		},
		{
			fault.Deprecated, "The command exists for older scripts and deploys nothing any more.",
			"Type the line after `next`.",
		},
		{
			fault.GrantInvalid, "The grant cannot be read, is signed by no allowed signer, or would hold longer than a grant may.",
			"Have a supervisor sign the lines of a new dry run ({grants.md}). `unidesk-controller doctor` checks the list of allowed signers.",
		},
		{
			fault.GrantExpired, "The time of the grant is over.", "Have a supervisor sign the lines of a new dry run ({grants.md}).",
		},
		{
			fault.GrantUsed, "A deploy has used the grant already. A grant is for a single deploy.",
			"Have a supervisor sign the lines of a new dry run ({grants.md}).",
		},
		{
			fault.GrantMismatch, "The grant is for another service, environment, commit or host.",
			"Give the grant of this deploy, or have a supervisor sign the lines of a new dry run ({grants.md}).",
		},
	}
}

// records are reasons of locks and receipts.
func records() []Entry {
	return []Entry{
		{
			fault.Locked, "Another run of this installation has the service, or another process watches already. The message names it.",
			"Wait until it ends and try the same command again.",
		},
		{
			fault.ReceiptNotFound, "No receipt has this id, or no receipt proves the service in this environment.",
			"`unidesk-controller history` lists the receipts.",
		},
		{
			fault.LedgerUnavailable, "A receipt, or the record of a grant's use, cannot be read or written.",
			"`unidesk-controller doctor` examines the state folder: its owner, its mode and the room on its disk.",
		},
	}
}
