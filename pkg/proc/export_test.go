package proc

// Adopt is Init without the condition of being process 1.
var Adopt = adopt

// OnOwnThread is how children are started.
var OnOwnThread = onOwnThread
