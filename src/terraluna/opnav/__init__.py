"""From limb points and lines of sight to positions with covariances."""
