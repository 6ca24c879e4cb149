"""downlink"""
