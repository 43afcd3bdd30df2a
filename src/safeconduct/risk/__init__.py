"""What incidents say about places and roads: rates, forecasts, the risk of a road, the arithmetic of assessments.

Plain Python with numpy: no Django, no records. Places, roads and times are assessed, never people. Days are whole
days since 1970-01-01, positions degrees of WGS84, lengths kilometres, rates events per km2 and day.
"""
