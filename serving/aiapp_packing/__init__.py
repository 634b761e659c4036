"""`aiapp-model`: turns an estimator into a model version, and uploads it so that it counts only when it is whole."""
