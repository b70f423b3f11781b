module git-sync

go 1.26
