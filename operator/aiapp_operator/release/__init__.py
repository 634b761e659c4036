"""The life of a release: gate, window, rollout, bake, holds and the way back; `machine` decides. All of it is pure."""
