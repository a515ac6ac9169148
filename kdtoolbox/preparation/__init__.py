"""From downloaded videos to trainable data: frame folders, fps, frame counts, annotation JSON, and a check of them."""
