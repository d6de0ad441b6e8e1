// Package manual knows the installed paths of the pages of docs, so that a message names a
// file that its reader has. The pages are on the controller's machine, also when an agent
// names a page.
package manual

// Folder is the folder in which the controller's package puts its documentation.
const Folder = "/usr/share/doc/unidesk-controller"

// Page returns the installed path of a page of docs, such as "hosts.md".
func Page(name string) string { return Folder + "/docs/" + name }
