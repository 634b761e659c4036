"""What runs in an app's pods: `fetch` brings the model, `aiapp-serve` answers requests with it."""
