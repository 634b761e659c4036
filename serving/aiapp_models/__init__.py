"""What the operator and the serving runtime share: the pod contract, model manifests and model stores."""
