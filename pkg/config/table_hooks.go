package config

import (
	"fmt"
	"net"
	"path"
	"regexp"
	"strings"
	"time"

	"git-sync/pkg/receiver"
)

func hookRows(d *draft) []option {
	return []option{
		documented(option{flags: named("exechook-command", "sync-hook-command"), arg: "PATH", vars: []spelling{{name: "GIT_SYNC_EXECHOOK_COMMAND"}, {name: "GIT_SYNC_HOOK_COMMAND"}, {name: "GITSYNC_EXECHOOK_COMMAND"}, {name: "GITSYNC_HOOK_COMMAND", unsupported: true}}, set: into(&d.Exechook.Command, asText)},
			"Program to run after publishing. Arguments are not possible, and there is no shell: write a script. Its working directory is the published worktree, and its environment has GITSYNC_HASH and GITSYNC_PREVIOUS_HASH (the last one that it accepted, or else the one published before; empty if there is neither). It is retried until it succeeds. With --one-time it runs once; if it fails, git-sync exits with 1."),
		documented(option{flags: named("exechook-timeout"), vars: bothVars("EXECHOOK_TIMEOUT"), arg: "DURATION", preset: "30s", set: into(&d.Exechook.Timeout, atLeast(time.Second))},
			"Time limit of the program. After that, it is killed with its child processes."),
		documented(option{flags: named("exechook-backoff"), vars: bothVars("EXECHOOK_BACKOFF"), arg: "DURATION", preset: "3s", set: into(&d.ExechookBackoff, atLeast(time.Second))},
			"Delay before a retry."),
		documented(option{flags: named("pre-publish-exechook-command"), vars: named("GITSYNC_PRE_PUBLISH_EXECHOOK_COMMAND"), arg: "PATH", set: into(&d.PrePublish.Command, asText)},
			"Program to run in the new worktree before it is published. If it fails, the revision is not published."),
		documented(option{flags: named("pre-publish-exechook-timeout"), vars: named("GITSYNC_PRE_PUBLISH_EXECHOOK_TIMEOUT"), arg: "DURATION", preset: "30s", set: into(&d.PrePublish.Timeout, atLeast(time.Second))},
			"Time limit of the pre-publish program."),
		documented(option{flags: named("pre-publish-exechook-backoff"), vars: named("GITSYNC_PRE_PUBLISH_EXECHOOK_BACKOFF"), arg: "DURATION", preset: "3s", set: into(&d.Loop.GateBackoff, atLeast(time.Second))},
			"Delay before the program is run again for a revision that it refused."),
		documented(option{flags: named("webhook-url"), vars: bothVars("WEBHOOK_URL"), arg: "URL", secret: true, set: into(&d.Webhook.URL, asSecret, checkHTTPURL)},
			"URL that git-sync calls after publishing, with the hash in the header Gitsync-Hash. The request is retried until it succeeds. With --one-time it is sent once; if it fails, git-sync exits with 1."),
		documented(option{flags: named("webhook-method"), vars: bothVars("WEBHOOK_METHOD"), arg: "METHOD", preset: "POST", set: into(&d.Webhook.Method, asText, checkMethod)},
			"HTTP method of the webhook request."),
		documented(option{flags: named("webhook-success-status"), vars: bothVars("WEBHOOK_SUCCESS_STATUS"), arg: "CODE", preset: "200", set: d.takeStatus},
			"HTTP status that means success. 0 or -1 accepts any."),
		documented(option{flags: named("webhook-timeout"), vars: bothVars("WEBHOOK_TIMEOUT"), arg: "DURATION", preset: "1s", set: into(&d.Webhook.Timeout, atLeast(time.Second))},
			"Time limit of the webhook request."),
		documented(option{flags: named("webhook-backoff"), vars: bothVars("WEBHOOK_BACKOFF"), arg: "DURATION", preset: "3s", set: into(&d.WebhookBackoff, atLeast(time.Second))},
			"Delay before a retry."),
	}
}

func checkMethod(s string) error {
	if !regexp.MustCompile(`^[A-Za-z]+$`).MatchString(s) {
		return wrong(quoted(s)+" is not an HTTP method", "POST and GET are the usual ones")
	}
	return nil
}

func (d *draft) takeStatus(in given) error {
	v, err := readInt(in.value(), -1)
	if err == nil && v > 0 && (v < 100 || v > 599) {
		err = wrong(fmt.Sprintf("%d is not an HTTP status", v), "they are between 100 and 599; 0 or -1 accepts any")
	}
	d.Webhook.SuccessStatus = v
	return err
}

func receiverRows(d *draft) []option {
	return []option{
		documented(option{scope: perProcess, flags: named("receiver-bind"), vars: named("GITSYNC_RECEIVER_BIND"), arg: "ADDRESS", set: into(&d.Process.Receiver.Bind, asText, checkAddress)},
			"Address on which git-sync receives push messages (webhooks) from a forge, for example :8080. A verified push triggers a sync immediately. It can be the address of --http-bind, or a separate one, so that an ingress exposes only the receiver. A secret is required."),
		documented(option{scope: perProcess, flags: named("receiver-path"), vars: named("GITSYNC_RECEIVER_PATH"), arg: "PATH", preset: "/webhook", set: into(&d.Process.Receiver.Path, asText, checkURLPath)},
			"Path of the URL to which the forge sends push messages."),
		documented(option{scope: perProcess, flags: named("receiver-peers"), vars: named("GITSYNC_RECEIVER_PEERS"), arg: "HOST:PORT", set: into(&d.Process.Receiver.Peers, asText, checkPeers)},
			"Host name and port of all replicas. The name resolves to the address of each one, as that of a headless Service (clusterIP: None) does. A replica forwards each push that it receives to all of them."),
		documented(option{flags: named("receiver-provider"), vars: named("GITSYNC_RECEIVER_PROVIDER"), arg: "FORGE", preset: "auto", choices: receiver.Providers(), set: into(&d.Sync.Receiver.Provider, asText)},
			"Forge whose deliveries are accepted. auto recognizes it by the headers. generic means a bearer token, for curl and CI."),
		documented(option{flags: named("receiver-secret-file"), vars: named("GITSYNC_RECEIVER_SECRET_FILE"), arg: "PATH", set: into(&d.Sync.Receiver.SecretFile, asPath)},
			"File with the secret that is shared with the forge. It is read for each delivery."),
		documented(option{vars: named("GITSYNC_RECEIVER_SECRET"), arg: "SECRET", secret: true, set: into(&d.Sync.Receiver.Secret, asSecret)},
			"The secret itself, instead of --receiver-secret-file."),
	}
}

func checkPeers(s string) error {
	if host, _, err := net.SplitHostPort(s); err != nil || host == "" || strings.HasSuffix(s, ":0") {
		return wrong(quoted(s)+" is not a host and port", "write HOST:PORT, as in git-sync-peers:8080")
	}
	return checkAddress(s)
}

func checkURLPath(s string) error {
	clean := path.Clean(s)
	if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "?# {}") || hasControl(s) || s != clean && s != clean+"/" {
		return wrong(quoted(s)+" is not a path", "it begins with a slash, as in /webhook, and has no query and no ..")
	}
	return nil
}

func watchRows(d *draft) []option {
	return []option{
		documented(option{scope: perProcess, flags: named("http-bind"), vars: bothVars("HTTP_BIND"), arg: "ADDRESS", set: into(&d.HTTP.Bind, asText, checkAddress)},
			"Address of the HTTP server for /livez, /readyz, /status and /metrics, for example :1234."),
		documented(option{scope: perProcess, flags: named("http-metrics"), vars: bothVars("HTTP_METRICS"), kind: isBool, preset: "true", set: into(&d.HTTP.Metrics, asBool)},
			"Serve /metrics for Prometheus at --http-bind."),
		documented(option{scope: perProcess, flags: named("http-pprof"), vars: bothVars("HTTP_PPROF"), kind: isBool, preset: "false", set: into(&d.HTTP.Pprof, asBool)},
			"Serve /debug/pprof/ at --http-bind: profiles of CPU and memory, for debugging git-sync."),
		documented(option{flags: named("max-staleness"), vars: named("GITSYNC_MAX_STALENESS"), arg: "DURATION", preset: "off", set: d.takeStaleness},
			"Make /readyz fail if the last successful sync is older than this."),
		documented(option{scope: perProcess, flags: named("log-format"), vars: named("GITSYNC_LOG_FORMAT"), arg: "FORMAT", preset: "auto", choices: []string{"auto", "json", "text"}, set: into(&d.LogFormat, asText)},
			"Format of the log on stderr. auto is text on a terminal, and JSON otherwise."),
		documented(option{scope: perProcess, flags: named("verbose"), short: "v", vars: named("GITSYNC_VERBOSE"), arg: "N", preset: "0", set: into(&d.Verbose, asCount)},
			"What to log; each level adds to those below it. 0: started, published, failed, recovered. 1: the steps of an update. 2: every poll. 5: every git command. 6: its output."),
	}
}

func (d *draft) takeStaleness(in given) error {
	if in.value() == "off" {
		d.MaxStaleness = 0
		return nil
	}
	return into(&d.MaxStaleness, atLeast(0))(in)
}
