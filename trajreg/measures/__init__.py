"""What can be known of a training: one measure a file, with its options, its observer and its columns."""
