package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"git-sync/pkg/secret"
)

func hookRows() []option {
	rows := []option{
		{
			group: groupHooks, flags: named("exechook-command", "sync-hook-command"), arg: "PATH",
			vars: []spelling{{name: "GIT_SYNC_EXECHOOK_COMMAND"}, {name: "GIT_SYNC_HOOK_COMMAND"}, {name: "GITSYNC_EXECHOOK_COMMAND"}, {name: "GITSYNC_HOOK_COMMAND", stray: true}},
			set:  text(func(d *draft) *string { return &d.Exechook.Command }),
			text: "Program to run after publishing, without a shell and without arguments. Its working directory is the published worktree, and its environment has GITSYNC_HASH and GITSYNC_PREVIOUS_HASH. It is retried until it succeeds. With --one-time it runs once, and its failure exits 1.",
		},
		hookTime("exechook-timeout", bothVars("EXECHOOK_TIMEOUT"), "30s", "Time limit of the program. Then it is killed, with everything that it started.",
			func(d *draft) *time.Duration { return &d.Exechook.Timeout }),
		hookTime("exechook-backoff", bothVars("EXECHOOK_BACKOFF"), "3s", "Delay before a retry.",
			func(d *draft) *time.Duration { return &d.Exechook.Backoff }),
		{
			group: groupHooks, flags: named("pre-publish-exechook-command"), vars: named("GITSYNC_PRE_PUBLISH_EXECHOOK_COMMAND"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.PrePublish.Command }),
			text: "Program to run in the new worktree before it is published. If it fails, the revision is not published.",
		},
		hookTime("pre-publish-exechook-timeout", named("GITSYNC_PRE_PUBLISH_EXECHOOK_TIMEOUT"), "30s", "Time limit of the pre-publish program.",
			func(d *draft) *time.Duration { return &d.PrePublish.Timeout }),
		hookTime("pre-publish-exechook-backoff", named("GITSYNC_PRE_PUBLISH_EXECHOOK_BACKOFF"), "3s", "Delay before a refused revision is tried again.",
			func(d *draft) *time.Duration { return &d.PrePublish.Backoff }),
	}
	return append(rows, webhookRows()...)
}

func webhookRows() []option {
	return []option{
		{
			group: groupHooks, flags: named("webhook-url"), vars: bothVars("WEBHOOK_URL"), arg: "URL", secret: true,
			set:  checked(checkHTTPURL, secretText(func(d *draft) *secret.Text { return &d.Webhook.URL })),
			text: "URL to request after publishing, with the hash in the header Gitsync-Hash. The request is retried until it succeeds. With --one-time it is sent once, and its failure exits 1.",
		},
		{
			group: groupHooks, flags: named("webhook-method"), vars: bothVars("WEBHOOK_METHOD"), arg: "METHOD", preset: "POST",
			set:  checked(checkMethod, text(func(d *draft) *string { return &d.Webhook.Method })),
			text: "HTTP method of the webhook request.",
		},
		{
			group: groupHooks, flags: named("webhook-success-status"), vars: bothVars("WEBHOOK_SUCCESS_STATUS"), arg: "CODE", preset: "200",
			set:  takeStatus,
			text: "HTTP status that means success. 0 or -1 accepts any.",
		},
		hookTime("webhook-timeout", bothVars("WEBHOOK_TIMEOUT"), "1s", "Time limit of the webhook request.",
			func(d *draft) *time.Duration { return &d.Webhook.Timeout }),
		hookTime("webhook-backoff", bothVars("WEBHOOK_BACKOFF"), "3s", "Delay before a retry.",
			func(d *draft) *time.Duration { return &d.Webhook.Backoff }),
	}
}

func hookTime(flag string, vars []spelling, preset, about string, at func(*draft) *time.Duration) option {
	return option{
		group: groupHooks, flags: named(flag), vars: vars, arg: "DURATION", preset: preset,
		set: duration(at, time.Second), text: about,
	}
}

func checkMethod(s string) error {
	if !regexp.MustCompile(`^[A-Za-z]+$`).MatchString(s) {
		return wrong(quoted(s)+" is no HTTP method", "POST and GET are the usual ones")
	}
	return nil
}

func takeStatus(d *draft, in given) error {
	v, err := readInt(in.value(), -1)
	if err == nil && v > 0 && (v < 100 || v > 599) {
		err = wrong(fmt.Sprintf("%d is no HTTP status", v), "they are between 100 and 599; 0 or -1 accepts any")
	}
	d.Webhook.SuccessStatus = v
	return err
}

func receiverRows() []option {
	return []option{
		{
			group: groupReceiver, scope: perProcess, flags: named("receiver-bind"), vars: named("GITSYNC_RECEIVER_BIND"), arg: "ADDRESS",
			set:  checked(checkAddress, text(func(d *draft) *string { return &d.Process.Receiver.Bind })),
			text: "Address of the webhook receiver. A verified push triggers a sync at once. It may be the address of --http-bind, or another one, so that an ingress exposes nothing else. A secret is required.",
		},
		{
			group: groupReceiver, scope: perProcess, flags: named("receiver-path"), vars: named("GITSYNC_RECEIVER_PATH"), arg: "PATH", preset: "/webhook",
			set:  checked(checkURLPath, text(func(d *draft) *string { return &d.Process.Receiver.Path })),
			text: "Path of the webhook receiver.",
		},
		{
			group: groupReceiver, flags: named("receiver-provider"), vars: named("GITSYNC_RECEIVER_PROVIDER"), arg: "FORGE", preset: "auto",
			choices: []string{"auto", "github", "gitlab", "gitea", "forgejo", "gogs", "bitbucket", "bitbucket-cloud", "bitbucket-server", "azure", "azure-devops", "generic"},
			set:     text(func(d *draft) *string { return &d.Sync.Receiver.Provider }),
			text:    "Forge whose deliveries are accepted. auto recognizes it by the headers. generic means a bearer token, for curl and CI.",
		},
		{
			group: groupReceiver, flags: named("receiver-secret-file"), vars: named("GITSYNC_RECEIVER_SECRET_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.Sync.Receiver.SecretFile }),
			text: "File with the secret that is shared with the forge. It is read for each delivery.",
		},
		{
			group: groupReceiver, vars: named("GITSYNC_RECEIVER_SECRET"), arg: "SECRET", secret: true,
			set:  secretText(func(d *draft) *secret.Text { return &d.Sync.Receiver.Secret }),
			text: "The secret itself, instead of --receiver-secret-file.",
		},
	}
}

func checkURLPath(s string) error {
	if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "?# {}") || hasControl(s) || strings.Contains(s, "//") {
		return wrong(quoted(s)+" is no path", "it begins with a slash, as in /webhook, and has no query")
	}
	return nil
}

func watchRows() []option {
	return []option{
		{
			group: groupWatch, scope: perProcess, flags: named("http-bind"), vars: bothVars("HTTP_BIND"), arg: "ADDRESS",
			set:  checked(checkAddress, text(func(d *draft) *string { return &d.HTTP.Bind })),
			text: "Address of the HTTP server for /livez, /readyz, /status and /metrics, for example :1234.",
		},
		{
			group: groupWatch, scope: perProcess, flags: named("http-metrics"), vars: bothVars("HTTP_METRICS"), kind: isBool, preset: "true",
			set:  toggle(func(d *draft) *bool { return &d.HTTP.Metrics }),
			text: "Serve /metrics for Prometheus at --http-bind.",
		},
		{
			group: groupWatch, scope: perProcess, flags: named("http-pprof"), vars: bothVars("HTTP_PPROF"), kind: isBool, preset: "false",
			set:  toggle(func(d *draft) *bool { return &d.HTTP.Pprof }),
			text: "Serve /debug/pprof/ at --http-bind.",
		},
		{
			group: groupWatch, flags: named("max-staleness"), vars: named("GITSYNC_MAX_STALENESS"), arg: "DURATION", preset: "off",
			set:  takeStaleness,
			text: "Make /readyz fail if the last successful sync is older than this.",
		},
		{
			group: groupWatch, scope: perProcess, flags: named("log-format"), vars: named("GITSYNC_LOG_FORMAT"), arg: "FORMAT", preset: "auto",
			choices: []string{"auto", "json", "text"},
			set:     text(func(d *draft) *string { return &d.LogFormat }),
			text:    "Format of the log on stderr. auto is text on a terminal, and JSON otherwise.",
		},
		{
			group: groupWatch, scope: perProcess, flags: named("verbose"), short: "v", vars: named("GITSYNC_VERBOSE"), arg: "N", preset: "0",
			set:  number(func(d *draft) *int { return &d.Verbose }, 0),
			text: "Log verbosity: 0 changes of state, 1 steps of an update, 2 every poll, 5 every command, 6 its output.",
		},
	}
}

func takeStaleness(d *draft, in given) error {
	if in.value() == "off" {
		d.MaxStaleness = 0
		return nil
	}
	return duration(func(d *draft) *time.Duration { return &d.MaxStaleness }, 0)(d, in)
}
