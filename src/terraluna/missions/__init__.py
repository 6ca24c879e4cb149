"""The nine missions: camera, trajectory, observation, and published claims with their sources."""

from terraluna.missions.catalogue import MISSION_IDS, load_all, load_mission

__all__ = ["MISSION_IDS", "load_all", "load_mission"]
