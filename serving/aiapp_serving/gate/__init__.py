"""The gate: asks an app that nobody uses yet its golden cases, in a pod, on a laptop and in any CI alike."""
