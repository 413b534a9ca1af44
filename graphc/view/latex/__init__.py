"""The equations of a spec and of its gradients, written as mathematics."""
