"""Geometry on the sphere, fences, road graphs and routes. Plain Python: no Django, no records.

Positions are `Point(lat, lon)` in degrees of WGS84, lengths metres, times seconds. Lists of coordinates as they
stand in files and records are GeoJSON's: `[longitude, latitude]`.
"""
