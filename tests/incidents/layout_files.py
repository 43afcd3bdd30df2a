"""Small made-up files in the layouts that the importers read. No row is a real event."""

from __future__ import annotations

import csv
import io


def columns(header: str) -> list[str]:
    return header.split(",")


GED_FULL = columns(
    "id,relid,year,active_year,code_status,type_of_violence,conflict_dset_id,conflict_new_id,conflict_name,"
    "dyad_dset_id,dyad_new_id,dyad_name,side_a_dset_id,side_a_new_id,side_a,side_b_dset_id,side_b_new_id,side_b,"
    "number_of_sources,source_article,source_office,source_date,source_headline,source_original,where_prec,"
    "where_coordinates,where_description,adm_1,adm_2,latitude,longitude,geom_wkt,priogrid_gid,country,country_id,"
    "region,event_clarity,date_prec,date_start,date_end,deaths_a,deaths_b,deaths_civilians,deaths_unknown,best,"
    "high,low,gwnoa,gwnob"
)
GED_SUBSET = columns(
    "id,relid,year,type_of_violence,conflict_name,dyad_name,side_a,side_b,number_of_sources,where_prec,"
    "where_coordinates,adm_1,adm_2,latitude,longitude,priogrid_gid,country,iso3,event_clarity,date_prec,"
    "date_start,date_end,deaths_a,deaths_b,deaths_civilians,deaths_unknown,best,high,low,h3_r5,h3_r7,"
    "source_version"
)
ACLED = columns(
    "event_id_cnty,event_date,year,time_precision,disorder_type,event_type,sub_event_type,actor1,actor2,"
    "civilian_targeting,region,country,admin1,admin2,admin3,location,latitude,longitude,geo_precision,source,"
    "source_scale,notes,fatalities,tags,timestamp"
)
GTD = columns(
    "eventid,iyear,imonth,iday,country_txt,provstate,city,latitude,longitude,specificity,summary,doubtterr,"
    "suicide,attacktype1_txt,targtype1_txt,natlty1_txt,gname,weaptype1_txt,weapsubtype1_txt,nkill,nwound"
)


def ged(number: int, **changes: object) -> dict[str, str]:
    """One GED event; `changes` replace cells."""
    row = {
        "id": str(900_000 + number),
        "relid": f"XXX-2031-1-{number}",
        "year": "2031",
        "code_status": "Clear",
        "type_of_violence": "1",
        "conflict_name": "Examplia: Government",
        "dyad_name": "Government of Examplia  - Example Front",
        "side_a": "Government of Examplia",
        "side_b": "Example Front",
        "number_of_sources": "2",
        "source_article": "Example Wire, 2031: a spokesman named A. Person said",
        "source_office": "Example Wire",
        "source_original": "A. Person",
        "where_prec": "1",
        "where_coordinates": "Sampletown town",
        "where_description": "house of A. Person",
        "adm_1": "North province",
        "adm_2": "Sample district",
        "latitude": "27.5",
        "longitude": "68.25",
        "country": "Examplia",
        "iso3": "EXA",
        "event_clarity": "1",
        "date_prec": "1",
        "date_start": "2031-05-01 00:00:00.000",
        "date_end": "2031-05-02 00:00:00.000",
        "deaths_a": "1",
        "deaths_b": "2",
        "deaths_civilians": "0",
        "deaths_unknown": "0",
        "best": "3",
        "high": "4",
        "low": "2",
        "source_version": "Example 1.0",
    }
    return row | {name: str(value) for name, value in changes.items()}


def acled(number: int, **changes: object) -> dict[str, str]:
    row = {
        "event_id_cnty": f"EXA{number}",
        "event_date": "01 May 2031",
        "time_precision": "2",
        "event_type": "Violence against civilians",
        "sub_event_type": "Abduction/forced disappearance",
        "actor1": "Unidentified",
        "country": "Examplia",
        "admin1": "North",
        "admin2": "Sample",
        "location": "Sampletown",
        "latitude": "27.5",
        "longitude": "68.25",
        "geo_precision": "2",
        "source": "Example Wire",
        "notes": "Something happened.",
        "fatalities": "0",
    }
    return row | {name: str(value) for name, value in changes.items()}


def gtd(number: int, **changes: object) -> dict[str, str]:
    row = {
        "eventid": f"20310500{number:04}",
        "iyear": "2031",
        "imonth": "5",
        "iday": "0",
        "country_txt": "Examplia",
        "provstate": "North",
        "city": "Sampletown",
        "latitude": "27.5",
        "longitude": "68.25",
        "specificity": "1",
        "suicide": "1",
        "attacktype1_txt": "Bombing/Explosion",
        "targtype1_txt": "Police",
        "weaptype1_txt": "Explosives",
        "nkill": "4.0",
        "nwound": "",
    }
    return row | {name: str(value) for name, value in changes.items()}


def text(columns: list[str], rows: list[dict[str, str]], delimiter: str = ",") -> str:
    """The rows under the header as one file's text."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
