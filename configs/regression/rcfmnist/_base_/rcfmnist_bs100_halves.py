_base_ = './rcfmnist_bs100.py'

# The best checkpoint is chosen on other images than those of the test.
val_dataloader = dict(dataset=dict(indices=5000))  # the first
test_dataloader = dict(dataset=dict(indices=-5000))  # the last
