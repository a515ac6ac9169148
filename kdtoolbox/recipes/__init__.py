"""From a folder of videos to a whole config: what is in the folder, which networks, which losses, how long."""
