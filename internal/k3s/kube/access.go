package kube

import (
	"context"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
)

// Access is what the agent's account may do, against what it needs.
type Access struct {
	// Account is the name that the API server has for it.
	Account string
	// Missing are needed rights that it lacks, Excess those that it has and must not have.
	Missing, Excess []rights.Right
	// Incomplete means that the API server cannot list all rights of the account: there
	// may be more excess.
	Incomplete bool
}

// Access asks for each needed right whether the account has it, for a fixed list whether
// it has more than it must, and lists all that it may do in each of the namespaces of
// the needed rights.
func (c *Cluster) Access(ctx context.Context, needed []rights.Right) (a Access, err error) {
	var who authenticationv1.SelfSubjectReview
	if err := c.create(ctx, rights.Right{Verb: "create", Group: "authentication.k8s.io", Resource: "selfsubjectreviews"}, &who); err != nil {
		return Access{}, err
	}
	a.Account = words(who.Status.UserInfo.Username)
	if t, ok, err := c.Token(); err == nil && ok && t.Account != "" {
		needed = append(slices.Clone(needed), rights.Renewal(t.Namespace, t.Account))
	}
	namespaces := []string{}
	for _, right := range needed {
		allowed, err := c.may(ctx, right)
		if err != nil {
			return Access{}, err
		}
		if !allowed {
			a.Missing = append(a.Missing, right)
		}
		if !slices.Contains(namespaces, right.Namespace) {
			namespaces = append(namespaces, right.Namespace)
		}
	}
	for _, namespace := range append([]string{""}, namespaces...) {
		for _, right := range rights.Forbidden(namespace) {
			allowed, err := c.may(ctx, right)
			if err != nil {
				return Access{}, err
			}
			if allowed {
				a.Excess = append(a.Excess, right)
			}
		}
	}
	for _, namespace := range namespaces {
		rules := authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
		if err := c.create(ctx, rights.Right{Verb: "create", Group: authorizationv1.GroupName, Resource: "selfsubjectrulesreviews"}, &rules); err != nil {
			return Access{}, err
		}
		a.Incomplete = a.Incomplete || rules.Status.Incomplete
		for _, rule := range rules.Status.ResourceRules {
			a.Excess = append(a.Excess, beyond(rule, namespace, needed)...)
		}
	}
	slices.SortFunc(a.Excess, rights.Compare)
	a.Excess = slices.Compact(a.Excess)
	return a, nil
}

// may reports whether the account has the right.
func (c *Cluster) may(ctx context.Context, right rights.Right) (bool, error) {
	review := authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes(right)}}
	err := c.create(ctx, rights.Right{Verb: "create", Group: authorizationv1.GroupName, Resource: "selfsubjectaccessreviews"}, &review)
	return review.Status.Allowed, err
}

// beyond returns the rights of a rule that no needed right covers. The right to ask about
// itself, which every account has, is not among them.
func beyond(rule authorizationv1.ResourceRule, namespace string, needed []rights.Right) (excess []rights.Right) {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	for _, group := range rule.APIGroups {
		for _, whole := range rule.Resources {
			resource, sub := split(whole)
			for _, verb := range rule.Verbs {
				for _, name := range names {
					right := rights.Right{Verb: verb, Group: group, Resource: resource, Subresource: sub, Namespace: namespace, Name: name}
					if !ofEveryone(right) && !right.Within(needed) {
						excess = append(excess, right)
					}
				}
			}
		}
	}
	return excess
}
