module git-sync

go 1.26

require (
	github.com/go-logr/logr v1.4.4
	go.uber.org/goleak v1.3.0
)
