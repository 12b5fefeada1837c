#!/bin/sh
echo "the probe works"
