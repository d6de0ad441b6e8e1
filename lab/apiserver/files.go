package apiserver

// What [Papers.Files] holds, by the names that k3s gives them.
const (
	AdminKubeconfig      = "cred/admin.kubeconfig"
	ControllerKubeconfig = "cred/controller.kubeconfig"
	SchedulerKubeconfig  = "cred/scheduler.kubeconfig"
	// ServerCA signs what servers show, and is in each kubeconfig.
	ServerCA = "tls/server-ca.crt"

	clientCA          = "tls/client-ca.crt"
	servingCert       = "tls/serving-kube-apiserver.crt"
	servingKey        = "tls/serving-kube-apiserver.key"
	serviceKey        = "tls/service.key"
	kubeletClientCert = "tls/client-kube-apiserver.crt"
	kubeletClientKey  = "tls/client-kube-apiserver.key"
)

// Files are what a control plane reads, by path below its folder; each is for its owner alone.
func (p *Papers) Files() (map[string][]byte, error) {
	files := map[string][]byte{ServerCA: p.server.pem(), clientCA: p.clients.pem()}
	var err error
	if files[servingCert], files[servingKey], err = p.Serving("kube-apiserver", p.names...); err != nil {
		return nil, err
	}
	if files[kubeletClientCert], files[kubeletClientKey], err = p.client("system:kube-apiserver", "system:masters"); err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	if files[serviceKey], err = keyPEM(key); err != nil {
		return nil, err
	}
	for name, who := range map[string][]string{
		AdminKubeconfig:      {"system:admin", "system:masters"},
		ControllerKubeconfig: {"system:kube-controller-manager"},
		SchedulerKubeconfig:  {"system:kube-scheduler"},
	} {
		if files[name], err = p.Kubeconfig(who[0], who[1:]...); err != nil {
			return nil, err
		}
	}
	return files, nil
}
