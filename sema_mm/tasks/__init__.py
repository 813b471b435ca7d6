"""What the paper's tasks need and the OpenMMLab libraries lack."""
