"""What the notebooks teach with: data sets and pictures, never a thing that is being taught."""
